"""How soon drift finds drift, at how many false alarms, beside what others do."""
