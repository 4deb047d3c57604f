# Tells which signal it got.
for s in INT TERM HUP USR1 USR2; do trap "echo got $s" $s; done
echo ready
while :; do sleep 0.05; done
