"""What `manage.py demo` builds: embedded pictures, two studies, rehearsal answers, an account."""
