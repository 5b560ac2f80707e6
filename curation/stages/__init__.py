"""One module per verb, with the function of that name: values in, one report out. What happens outside starts here."""
