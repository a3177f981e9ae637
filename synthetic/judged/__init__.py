"""What synthetic data and predictions on them are worth: fidelity, attacks beside their controls, and scores."""
