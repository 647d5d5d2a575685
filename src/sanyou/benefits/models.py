"""Subsidies: public notice, approval, appeal; government benefit programmes and their money."""
