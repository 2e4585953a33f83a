"""`python -m flows` is the same as `presswatch`."""

from flows.cli import main

main()
