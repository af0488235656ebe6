"""Where belief meets model: questions, cases, measurements, scores, the page, and the stages of a run."""
