"""Where Performance Insights answers."""

from sandbox.patches.performance_insights.responses import PerformanceInsightsResponse

url_bases = [r"https?://pi\.(.+)\.amazonaws\.com"]
url_paths = {"{0}/$": PerformanceInsightsResponse.dispatch}
