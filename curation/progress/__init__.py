"""How far reviewing is, computed from columns of the store: nothing here asks a server.

responses.py  what people answered, as a data frame
days.py       answers and completed records by day, and when reviewing will be done
speed.py      who answers faster than the texts can be read
reviewers.py  what each reviewer did, and who stands out
remarks.py    comments and flags
review.py     all of it together, for `status` and the page of `serve`
"""
