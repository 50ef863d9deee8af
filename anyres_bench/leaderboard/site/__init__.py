"""The leaderboard as a folder of static files: tables, plots and pages that need no server."""
