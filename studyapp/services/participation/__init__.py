"""Taking part: arriving, sitting, being asked, answering; exactly N."""
