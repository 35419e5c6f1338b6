"""Fast tests, in the rooms of what they test. No browser and no network is needed here."""
