"""Language models that answer chats: servers, and tables of canned answers."""
