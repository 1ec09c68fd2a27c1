"""Reading: archives, image formats behind one table, names, surveys of what was dropped, sample sheets."""
