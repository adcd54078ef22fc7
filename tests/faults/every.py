"""Every fault: importing it registers them, in the order of the table."""

from tests.faults import workers  # noqa: F401, I001 - the order is that of the table
from tests.faults import servers  # noqa: F401
from tests.faults import pipeline  # noqa: F401
from tests.faults import drift_job  # noqa: F401
from tests.faults import disk  # noqa: F401
from tests.faults import voices  # noqa: F401
from tests.faults import crowds  # noqa: F401
from tests.faults import texts  # noqa: F401
