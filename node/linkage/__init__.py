"""The linkage zone: records without an NHS number become people of this node, inside one signed agreement."""
