# Tells what it sees, and stays.
import json, os, sys, time
f = 'seen-' + os.environ['pm_id']
with open(f + '.tmp', 'w') as out:
    json.dump({'argv': sys.argv[1:], 'cwd': os.getcwd(), 'env': dict(os.environ)}, out)
os.rename(f + '.tmp', f)
time.sleep(1000)
