"""What runs in the child process beside learner code. Nothing here is imported by the grader itself."""
