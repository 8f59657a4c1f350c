# SPDX-License-Identifier: MIT OR Apache-2.0
"""The cases, a module for each feature; importing this package declares all of them."""

import importlib
import pkgutil

for module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{module.name}")
