"""What a picture needs: read off the prior's own answers."""
