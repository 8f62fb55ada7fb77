package http1

// What can be wrong with the first line.
var (
	badMethod    = &Invalid{400, "the method is not a token", "RFC 9110 section 9.1"}
	badLine      = &Invalid{400, "the request line is not a method, a target and a version with one space between", "RFC 9112 section 3"}
	badVersion   = &Invalid{400, "the version is not HTTP and two digits", "RFC 9112 section 2.3"}
	otherVersion = &Invalid{505, "the major version of HTTP is not 1", "RFC 9110 section 15.6.6"}
	badTargets   = &Invalid{400, "the target has a space, a control character or a fragment", "RFC 9112 section 3.2"}
	badForm      = &Invalid{400, "the target is not in a form that this method may have", "RFC 9112 section 3.2"}
	badEscape    = &Invalid{400, "the path has a percent sign without two hexadecimal digits", "RFC 3986 section 2.1"}
	badScheme    = &Invalid{400, "the target is of another scheme than http and https", "RFC 9110 section 4.2"}
	badAuthority = &Invalid{400, "the authority is not a host and port", "RFC 9110 section 4.2"}
	longTarget   = &Invalid{414, "the request line is too long", "RFC 9112 section 3"}
	badStatus    = &Invalid{400, "the status line is not a version, three digits and a reason", "RFC 9112 section 4"}
)

// What can be wrong with lines and fields.
var (
	bareLF      = &Invalid{400, "a line ends without a carriage return", "RFC 9112 section 2.2"}
	badName     = &Invalid{400, "the name of a field is not a token", "RFC 9112 section 5.1"}
	spaceColon  = &Invalid{400, "there is whitespace between the name of a field and its colon", "RFC 9112 section 5.1"}
	folded      = &Invalid{400, "a field is folded over lines", "RFC 9112 section 5.2"}
	badValue    = &Invalid{400, "the value of a field has a control character", "RFC 9110 section 5.5"}
	longHead    = &Invalid{431, "the head is too long", "RFC 6585 section 5"}
	manyFields  = &Invalid{431, "there are too many fields", "RFC 6585 section 5"}
	shadow      = &Invalid{400, "the name of a field would pass for one of the framing", "RFC 3875 section 4.1.18"}
	noHost      = &Invalid{400, "there is no Host", "RFC 9112 section 3.2"}
	manyHosts   = &Invalid{400, "there is more than one Host", "RFC 9112 section 3.2"}
	badHost     = &Invalid{400, "Host is not a host and port", "RFC 9112 section 3.2"}
	badOption   = &Invalid{400, "Connection is not a list of tokens", "RFC 9110 section 7.6.1"}
	manyOptions = &Invalid{400, "Connection has too many options", "RFC 9110 section 7.6.1"}
	endToEnd    = &Invalid{400, "Connection names a field that is meant for the other end", "RFC 9110 section 7.6.1"}
	badUpgrade  = &Invalid{400, "Upgrade is not one list of protocols", "RFC 9110 section 7.8"}
	badExpect   = &Invalid{417, "the expectation is not 100-continue", "RFC 9110 section 10.1.1"}
)

// What can be wrong with the framing of a body.
var (
	badLength    = &Invalid{400, "Content-Length is not a number", "RFC 9110 section 8.6"}
	manyLengths  = &Invalid{400, "there is more than one Content-Length", "RFC 9112 section 6.3"}
	twoFramings  = &Invalid{400, "there are Content-Length and Transfer-Encoding", "RFC 9112 section 6.1"}
	oldCoding    = &Invalid{400, "there is a Transfer-Encoding in HTTP/1.0", "RFC 9112 section 6.1"}
	badCoding    = &Invalid{400, "Transfer-Encoding is not chunked alone", "RFC 9112 section 6.3"}
	otherCoding  = &Invalid{501, "there is an unknown transfer coding", "RFC 9112 section 6.1"}
	framedStatus = &Invalid{400, "an informational response has a body", "RFC 9112 section 6.1"}
	badSize      = &Invalid{400, "the size of a chunk is not a hexadecimal number", "RFC 9112 section 7.1"}
	badExtension = &Invalid{400, "a chunk extension is malformed", "RFC 9112 section 7.1.1"}
	longSize     = &Invalid{400, "the line with the size of a chunk is too long", "RFC 9112 section 7.1.1"}
	muchFraming  = &Invalid{400, "the chunks have more framing than data", "RFC 9112 section 7.1.1"}
	badChunk     = &Invalid{400, "a chunk does not end where its size says", "RFC 9112 section 7.1"}
	longTrailers = &Invalid{431, "the trailer section is too long", "RFC 6585 section 5"}
)
