"""Submissions in; checks, draft scores, feedback and a worksheet out."""
