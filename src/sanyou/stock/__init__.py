"""Supplies handed out to people: batches, stores at three levels, movements."""
