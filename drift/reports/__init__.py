"""What people read: the pages of windows, their charts and their wording."""
