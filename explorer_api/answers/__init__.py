"""The shape of every answer, one file a noun. Statements in sql/explorer build exactly these."""
