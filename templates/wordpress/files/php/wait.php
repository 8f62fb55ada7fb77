<?php
// Ends when the database takes connections.
mysqli_report(MYSQLI_REPORT_OFF);
[$host, $port] = explode(':', getenv('WORDPRESS_DB_HOST')) + [1 => 3306];
$file = getenv('WORDPRESS_DB_PASSWORD_FILE');
$password = $file ? rtrim(file_get_contents($file), "\n") : getenv('WORDPRESS_DB_PASSWORD');
for ($told = time();; usleep(100000)) {
    $db = mysqli_init();
    $db->options(MYSQLI_OPT_CONNECT_TIMEOUT, 2);
    if (@$db->real_connect($host, getenv('WORDPRESS_DB_USER'), $password, getenv('WORDPRESS_DB_NAME'), (int) $port)) {
        break;
    }
    if (time() - $told >= 10) {
        $told = time();
        fwrite(STDERR, "waiting for the database: " . mysqli_connect_error() . "\n");
    }
}
