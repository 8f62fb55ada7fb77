package accesslog

import (
	"fmt"
	"strconv"
	"time"
)

// Format is how a line is written.
type Format string

const (
	// JSON is one object for each request, with the fields of Reference.
	JSON Format = "json"
	// Combined is the format of that name of Apache and nginx, in UTC: client, user (always "-"), time, request line,
	// status, bytes of the response's body, referer and user agent.
	Combined Format = "combined"
)

// ParseFormat reads the name of a format.
func ParseFormat(s string) (Format, error) {
	switch f := Format(s); f {
	case JSON, Combined:
		return f, nil
	}
	return "", fmt.Errorf("there is no format %q of the access log; it is json or combined", s)
}

// pen makes lines one after the other, in memory that it uses again. The text of the last second is kept, since most requests
// end in the same one as the one before. It is not safe for concurrent use.
type pen struct {
	format Format
	query  bool
	page   []byte
	second int64
	stamp  []byte
}

// line returns the line of an entry. It is valid until the next call.
func (p *pen) line(e *Entry) []byte {
	if p.format == Combined {
		p.page = p.combined(p.page[:0], e)
	} else {
		p.page = p.json(p.page[:0], e)
	}
	return p.page
}

// text is the second of a time in that layout, in UTC.
func (p *pen) text(t time.Time, layout string) []byte {
	if second := t.Unix(); second != p.second || len(p.stamp) == 0 {
		p.second, p.stamp = second, t.UTC().AppendFormat(p.stamp[:0], layout)
	}
	return p.stamp
}

func (p *pen) json(b []byte, e *Entry) []byte {
	b = append(b, `{"time":"`...)
	b = append(b, p.text(e.Time, "2006-01-02T15:04:05")...)
	b = thousandths(b, int64(e.Time.Nanosecond()/1e6))
	b = append(b, `Z"`...)
	b = member(b, `,"request_id":`, clip(e.RequestID, maxShort))
	b = member(b, `,"client":`, clip(e.Client, maxShort))
	if e.Peer != e.Client {
		b = member(b, `,"peer":`, clip(e.Peer, maxShort))
	}
	b = member(b, `,"method":`, clip(e.Method, maxShort))
	b = member(b, `,"host":`, clip(e.Host, maxName))
	b = member(b, `,"path":`, clip(e.Path, maxAddress))
	if p.query && len(e.Query) > 1 {
		b = member(b, `,"query":`, clip(e.Query[1:], maxAddress))
	}
	if e.Method != "" {
		b = append(b, `,"protocol":"`...)
		b = append(protocol(b, e), '"')
	}
	b = strconv.AppendBool(append(b, `,"tls":`...), e.TLS)
	b = strconv.AppendInt(append(b, `,"status":`...), int64(e.Status), 10)
	b = strconv.AppendInt(append(b, `,"bytes_received":`...), e.Received, 10)
	b = strconv.AppendInt(append(b, `,"bytes_sent":`...), e.Sent, 10)
	b = millis(append(b, `,"duration_ms":`...), e.Duration)
	return append(jsonTarget(b, e, p.query), "}\n"...)
}

// jsonTarget appends the members that only some lines have.
func jsonTarget(b []byte, e *Entry, query bool) []byte {
	if e.Response > 0 {
		b = millis(append(b, `,"target_ms":`...), e.Response)
	}
	if e.Wait > 0 {
		b = millis(append(b, `,"wait_ms":`...), e.Wait)
	}
	b = append(b, e.Place.members...)
	if e.Retries > 0 {
		b = strconv.AppendInt(append(b, `,"retries":`...), int64(e.Retries), 10)
	}
	if e.Upgraded {
		b = append(b, `,"upgraded":true`...)
	}
	b = member(b, `,"user_agent":`, clip(e.UserAgent, maxAgent))
	b = member(b, `,"referer":`, e.referer(query))
	return member(b, `,"error":`, clip(e.Error, maxShort))
}

// member appends a string after its name, if it is not empty.
func member(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	return quoteJSON(append(b, name...), value)
}

func (p *pen) combined(b []byte, e *Entry) []byte {
	b = bareCombined(b, clip(e.Client, maxShort))
	b = append(b, " - - ["...)
	b = append(b, p.text(e.Time, "02/Jan/2006:15:04:05 +0000")...)
	b = append(b, `] "`...)
	if e.Method == "" {
		b = append(b, '-')
	} else {
		b = escapeCombined(b, clip(e.Method, maxShort))
		b = escapeCombined(append(b, ' '), clip(e.Path, maxAddress))
		if p.query {
			b = escapeCombined(b, clip(e.Query, maxAddress))
		}
		b = protocol(append(b, ' '), e)
	}
	b = strconv.AppendInt(append(b, `" `...), int64(e.Status), 10)
	b = strconv.AppendInt(append(b, ' '), e.Sent, 10)
	b = optional(append(b, ` "`...), e.referer(p.query))
	b = optional(append(b, `" "`...), clip(e.UserAgent, maxAgent))
	return append(b, "\"\n"...)
}

// optional appends a field, and "-" for none.
func optional(b []byte, s string) []byte {
	if s == "" {
		return append(b, '-')
	}
	return escapeCombined(b, s)
}

func protocol(b []byte, e *Entry) []byte {
	b = strconv.AppendInt(append(b, "HTTP/"...), int64(e.Major), 10)
	return strconv.AppendInt(append(b, '.'), int64(e.Minor), 10)
}

// millis appends milliseconds, to the microsecond. What went back in time is 0.
func millis(b []byte, d time.Duration) []byte {
	micros := max(d.Microseconds(), 0)
	return thousandths(strconv.AppendInt(b, micros/1000, 10), micros%1000)
}

// thousandths appends a point and three digits.
func thousandths(b []byte, n int64) []byte {
	return append(b, '.', byte('0'+n/100), byte('0'+n/10%10), byte('0'+n%10))
}
