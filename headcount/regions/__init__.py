"""What a photo's file says of the people and things in it: regions, names, keywords."""
