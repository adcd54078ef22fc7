"""The known vulnerabilities of what is pinned: Python packages, Go programs and JavaScript packages."""
