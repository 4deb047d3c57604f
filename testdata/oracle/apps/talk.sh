# Says something on both streams, and stays.
echo "out one"
echo "err one" >&2
echo "out two"
exec sleep 1000
