"""Floor 3: how does intelligence come in, and how does it go out?"""
