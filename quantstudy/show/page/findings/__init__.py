"""What the page shows of a run's findings: charts to choose from, and one table of all their numbers."""
