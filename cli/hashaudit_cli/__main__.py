"""Lets ``python -m hashaudit_cli`` do what ``hashaudit`` does."""

from hashaudit_cli.main import main

if __name__ == "__main__":
    main()
