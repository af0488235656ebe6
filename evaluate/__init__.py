"""Where belief meets model: cases, probes, measurements, scores, the report and the pipeline."""
