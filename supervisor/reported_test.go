package supervisor

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/app"
)

func TestReportsAreBounded(t *testing.T) {
	var r report
	for i := range 2000 {
		n := strconv.Itoa(i)
		r.add(topicAction, []byte(`{"action_name":"`+n+`"}`))
		r.add(topicMetrics, []byte(`{"`+n+`":{"value":`+n+`}}`))
	}
	assert.Len(t, r.now.Actions, maxReports)
	assert.Len(t, r.now.Metrics, maxReports)
	assert.Nil(t, r.add(topicOptions, []byte(`{"big":"`+strings.Repeat("x", maxReportBytes)+`"}`)))
	assert.NotNil(t, r.add(topicMetrics, []byte(`{"0":{"value":7}}`)), "what is known is still brought up to date")
	assert.Equal(t, `{"value":7}`, string(r.now.Metrics[0].Value))
}

func TestReportsAreNotChangedInPlace(t *testing.T) {
	var r report
	first := r.add(topicMetrics, []byte(`{"a":1}`))
	second := r.add(topicMetrics, []byte(`{"a":2,"b":3}`))
	assert.Equal(t, "1", string(first.Metrics[0].Value))
	assert.Len(t, first.Metrics, 1)
	assert.Len(t, second.Metrics, 2)
	r.add(topicAction, []byte(`{"action_name":"x"}`))
	assert.Empty(t, second.Actions)
	assert.Equal(t, 12, r.add(topicPID, []byte(`"12"`)).MeasuredPID)
	assert.Nil(t, r.add(topicPID, []byte(`"no"`)))
	for _, junk := range []string{`[]`, `null`, `"x"`, `{}`} {
		for _, topic := range []string{topicAction, topicMetrics, topicOptions, topicPID, topicDefaults, topicWithdrawn} {
			assert.Nil(t, r.add(topic, []byte(junk)), "%s %s", topic, junk)
		}
	}
}

// TestWhatTheProgramSaysOfItselfCounts: what runs before it says what holds without it, whoever is heard first.
func TestWhatTheProgramSaysOfItselfCounts(t *testing.T) {
	var r report
	r.add(topicOptions, []byte(`{"error":false}`))
	r.add(topicDefaults, []byte(`{"error":true,"latency":true}`))
	last := r.add(topicOptions, []byte(`{"latency":{"x":1}}`))
	assert.Equal(t, []app.Field{{Key: "error", Value: []byte(`false`)}, {Key: "latency", Value: []byte(`{"x":1}`)}}, last.Options)

	for range 3 * maxReports {
		r.add(topicMetrics, []byte(`{"a":1,"b":{"value":2}}`))
		last = r.add(topicWithdrawn, []byte(`{"a":0,"c":0}`))
		require.NotNil(t, last)
		assert.Equal(t, []app.Field{{Key: "b", Value: []byte(`{"value":2}`)}}, last.Metrics)
	}
	assert.Less(t, r.size, 100, "the room is free again")
	assert.Nil(t, r.add(topicWithdrawn, []byte(`{"a":0}`)))
}

func TestNewName(t *testing.T) {
	for data, want := range map[string]string{
		`{"name":"other"}`: "other", `{"name":"ein \u00fcbel"}`: "ein übel", `{"module_name":"x"}`: "", `{"name":5}`: "", `{"name":""}`: "",
		`{"name":"a\nb"}`: "", `{"name":"../x"}`: "", `{"name":"` + strings.Repeat("x", 101) + `"}`: "", `[]`: "",
	} {
		assert.Equal(t, want, newName(topicOptions, []byte(data)), data)
	}
	assert.Empty(t, newName(topicMetrics, []byte(`{"name":"other"}`)))
}
