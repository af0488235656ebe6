"""The agent that learns whom to trust: sources with unknown reliabilities, and beliefs in what they report."""
