"""One tab, one small file: `PAGE` says what it is, `render` draws it; a new file is a new page."""
