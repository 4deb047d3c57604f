#!/usr/bin/env python
import sys, time
print(sys.argv)
time.sleep(1000)
