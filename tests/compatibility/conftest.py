"""What the compatibility tests share."""

# pytester forgets modules that an inner run loads first; C extensions do not survive being loaded twice.
import torch._dynamo
import torch.utils.flop_counter  # noqa: F401

import paceline.fixtures.run.session
import paceline.reports.outputs.html  # noqa: F401
