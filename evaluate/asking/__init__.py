"""Questions to models, their replies, and measurements before and after edits."""
