"""The panel, live: Socket.IO for administrators and applicants, in a process of its own."""
