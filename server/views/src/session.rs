//! Getting in: sign-in, second factor, device codes, and the first run.

use hallpass_broker::views::session::{
    DeviceConfirmView, DeviceDoneView, DeviceView, FirstRunView, SecondFactorView, SignInView,
};

screen!(
    /// `GET` and `POST /sign-in`.
    sign_in,
    SignIn,
    SignInView,
    "pages/session/sign-in.html"
);
screen!(
    /// `GET` and `POST /sign-in/second-factor`.
    second_factor,
    SecondFactor,
    SecondFactorView,
    "pages/session/second-factor.html"
);
screen!(
    /// `GET` and `POST /device`: type the code.
    device,
    Device,
    DeviceView,
    "pages/session/device.html"
);
screen!(
    /// The answer to a right code: see what asks before allowing it.
    device_confirm,
    DeviceConfirm,
    DeviceConfirmView,
    "pages/session/device-confirm.html"
);
screen!(
    /// After `POST /device/confirm`.
    device_done,
    DeviceDone,
    DeviceDoneView,
    "pages/session/device-done.html"
);
screen!(
    /// `GET` and `POST /first-run`: claim the server and make its first administrator.
    first_run,
    FirstRun,
    FirstRunView,
    "pages/session/first-run.html"
);
