"""The groups of measurements, by what they need."""
