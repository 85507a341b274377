"""What train is made of: the job, the loop, validation, run folders, and finding a run again."""
