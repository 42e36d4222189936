"""``python -m synthaudit``."""

from synthaudit.commands.application import main

main()
