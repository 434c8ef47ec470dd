"""What keeps each invariant, taken away in a scratch copy: `python -m tests.mutation` shows what turns red."""
