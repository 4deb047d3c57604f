package health

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// plain speaks HTTP/2 without TLS, from the first byte.
var plain = func() *http.Transport {
	t := &http.Transport{DisableKeepAlives: true, Protocols: new(http.Protocols)}
	t.Protocols.SetUnencryptedHTTP2(true)
	return t
}()

// serving are the words of grpc.health.v1.HealthCheckResponse.ServingStatus.
var serving = map[uint64]string{0: "UNKNOWN", 1: "SERVING", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"}

// checkGRPC calls grpc.health.v1.Health/Check. A message of one text and one of one number need no library.
func checkGRPC(ctx context.Context, addr, service string) error {
	msg := append([]byte{0x0a}, binary.AppendUvarint(nil, uint64(len(service)))...) // field 1, a text
	msg = append(msg, service...)
	if service == "" {
		msg = nil
	}
	body := append([]byte{0}, binary.BigEndian.AppendUint32(nil, uint32(len(msg)))...)
	body = append(body, msg...)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addr+"/grpc.health.v1.Health/Check", bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("endpoint: %w", err)
	}
	req.Header.Set("Content-Type", "application/grpc")
	req.Header.Set("TE", "trailers")
	resp, err := plain.RoundTrip(req)
	if err != nil {
		return cause(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return cause(err)
	}
	if resp.StatusCode != http.StatusOK || !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/grpc") {
		return fmt.Errorf("not gRPC: status %s", resp.Status)
	}
	status, message := resp.Trailer.Get("Grpc-Status"), resp.Trailer.Get("Grpc-Message")
	if status == "" { // an answer without a body has them in its head
		status, message = resp.Header.Get("Grpc-Status"), resp.Header.Get("Grpc-Message")
	}
	switch status {
	case "0":
	case "5":
		return fmt.Errorf("gRPC: the service %q is unknown", service)
	case "12":
		return errors.New("gRPC: the program has no grpc.health.v1")
	default:
		return fmt.Errorf("gRPC: status %s %s", status, message)
	}
	n, err := servingStatus(data)
	if err != nil {
		return err
	}
	if n != 1 {
		word, ok := serving[n]
		if !ok {
			word = fmt.Sprint(n)
		}
		return errors.New("gRPC: " + word)
	}
	return nil
}

// servingStatus reads field 1 of the message in a gRPC frame; absent is 0.
func servingStatus(frame []byte) (uint64, error) {
	if len(frame) < 5 || frame[0] != 0 || uint64(binary.BigEndian.Uint32(frame[1:5])) != uint64(len(frame)-5) {
		return 0, errors.New("gRPC: odd frame")
	}
	msg, status := frame[5:], uint64(0)
	for len(msg) > 0 {
		tag, n := binary.Uvarint(msg)
		if n <= 0 {
			return 0, errors.New("gRPC: odd message")
		}
		msg = msg[n:]
		v, n := binary.Uvarint(msg)
		if n <= 0 {
			return 0, errors.New("gRPC: odd message")
		}
		msg = msg[n:]
		switch tag & 7 {
		case 0:
			if tag>>3 == 1 {
				status = v
			}
		case 2:
			if v > uint64(len(msg)) {
				return 0, errors.New("gRPC: odd message")
			}
			msg = msg[v:]
		default:
			return 0, errors.New("gRPC: odd message")
		}
	}
	return status, nil
}
