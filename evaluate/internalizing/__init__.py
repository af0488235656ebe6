"""Implicit meta-learning: does a model believe definitions by a tag that was right more readily?"""
