<?php
// The health check of the gateway, /.gateway-ready: WordPress has its files, its settings and its database. No plugin and no
// theme has a hand in it.
$ready = false;
// WordPress ends by itself when it has no settings or no database, with an answer of its own.
ob_start(fn () => '');
register_shutdown_function(function () {
    http_response_code($GLOBALS['ready'] ? 204 : 503);
});
define('SHORTINIT', true);
require rtrim($_SERVER['DOCUMENT_ROOT'] . getenv('GATEWAY_PATH'), '/') . '/wp-load.php';
$ready = $wpdb->get_var('SELECT 1') === '1';
