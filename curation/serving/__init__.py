"""`curation serve`: takes Argilla's webhooks, refreshes the datasets, and shows how far reviewing is.

webhook --signatures--> hint --+
                      timer ---+--> refresher --(a process)--> refresh_run: sync, publish, Dashboard --> page
"""
