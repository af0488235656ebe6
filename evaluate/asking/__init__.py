"""Questions to models: asked, answered, measured before and after edits."""
