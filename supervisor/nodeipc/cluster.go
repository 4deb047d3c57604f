package nodeipc

import (
	"encoding/json"
	"strconv"

	"weaver/skim"
)

// request is what a worker tells the primary, {"cmd":"NODE_CLUSTER",…}.
type request struct {
	Act string `json:"act"`
	Seq uint64 `json:"seq"`

	Ack      *uint64 `json:"ack"`      // the answer to a message of the primary's with that number
	Accepted bool    `json:"accepted"` // to a newconn

	// Of queryServer and listening.
	Index       number          `json:"index"`
	Data        json.RawMessage `json:"data"`
	Address     *string         `json:"address"`
	Port        number          `json:"port"`
	AddressType json.RawMessage `json:"addressType"` // 4, 6, -1 (a path), "udp4", "udp6"
	FD          *number         `json:"fd"`
	Flags       number          `json:"flags"`
	Backlog     number          `json:"backlog"`
	ReadableAll truth           `json:"readableAll"` // the file of a path
	WritableAll truth           `json:"writableAll"`

	Key string `json:"key"` // of close
}

// number is what should be one: programs' arguments come through unchecked ("backlog":false), and what is none is 0.
type number int

func (n *number) UnmarshalJSON(text []byte) error {
	var f float64
	*n = 0
	if json.Unmarshal(text, &f) == nil {
		*n = number(f)
	}
	return nil
}

// truth is whether JavaScript takes a value for true.
type truth bool

func (t *truth) UnmarshalJSON(text []byte) error {
	*t = truth(skim.Truthy(text))
	return nil
}

// family returns the address type in one word.
func (r *request) family() string {
	if s := skim.Text(r.AddressType); s != "" {
		return s
	}
	return string(r.AddressType)
}

// address returns the address, "" for any.
func (r *request) address() string {
	if r.Address == nil {
		return ""
	}
	return *r.Address
}

// descriptor returns the number that the program gave instead of an address, or -1.
func (r *request) descriptor() int {
	if r.FD == nil {
		return -1
	}
	return int(*r.FD)
}

// sockname is what Node's getsockname tells.
type sockname struct {
	Address string `json:"address"`
	Family  string `json:"family"`
	Port    int    `json:"port"`
}

// response answers a request.
type response struct {
	Cmd      string          `json:"cmd"`
	Ack      uint64          `json:"ack"`
	Key      string          `json:"key,omitempty"`
	Errno    int             `json:"errno"`
	Data     json.RawMessage `json:"data"`
	Sockname *sockname       `json:"sockname,omitempty"`
	Seq      uint64          `json:"seq"`
}

func (r response) frame() []byte {
	r.Cmd = cmdCluster
	if r.Data == nil {
		r.Data = json.RawMessage("null")
	}
	b, _ := json.Marshal(r) // its raw part came out of valid JSON
	return b
}

// withHandle wraps a frame so that a descriptor goes with it.
func withHandle(kind string, inner []byte) []byte {
	b := append([]byte(`{"cmd":"NODE_HANDLE","type":"`), kind...)
	b = append(b, `","msg":`...)
	return append(append(b, inner...), '}')
}

// The types of handles.
const (
	netHandle   = "net.Native"
	dgramHandle = "dgram.Native"
)

// newconn offers a connection to the server that a worker has under key.
func newconn(key string, seq uint64) []byte {
	name, _ := json.Marshal(key) // a string always can
	b := append([]byte(`{"cmd":"NODE_CLUSTER","act":"newconn","key":`), name...)
	b = strconv.AppendUint(append(b, `,"seq":`...), seq, 10)
	return append(b, '}')
}

// disconnect has a worker close its servers, then its channel.
func disconnect(seq uint64) []byte {
	b := strconv.AppendUint([]byte(`{"cmd":"NODE_CLUSTER","act":"disconnect","seq":`), seq, 10)
	return append(b, '}')
}
