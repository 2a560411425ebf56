"""What is remembered of calls: completions, requests, usage; and health."""
