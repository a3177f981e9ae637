"""What happens to people: conditions, contacts year by year, and the truth about the year that nobody has seen."""
