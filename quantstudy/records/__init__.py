"""What a run leaves behind: its folder, its tables, where its numbers come from, and how it is opened again."""
